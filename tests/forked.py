"A process that is a copy of the test process, which has already loaded everything"
import os, signal

class Forked:
    "A process that calls `f`; starting Python and loading fastai again would take longer than most of the calls"
    def __init__(self, f):
        self.pid = os.fork()
        if self.pid: return
        try:
            f()
            os._exit(0)
        finally: os._exit(1)
    def kill(self): os.kill(self.pid, signal.SIGKILL)
    def wait(self): return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
