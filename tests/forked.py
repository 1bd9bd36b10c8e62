"A process that is a copy of the one that runs the tests, which has loaded everything already"
import os, signal

class Forked:
    "A process that calls `f`: to start Python and load fastai anew takes longer than most of what is tried in one"
    def __init__(self, f):
        self.pid = os.fork()
        if self.pid: return
        try:
            f()
            os._exit(0)
        finally: os._exit(1)
    def kill(self): os.kill(self.pid, signal.SIGKILL)
    def wait(self): return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
