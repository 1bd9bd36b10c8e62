"A process that is a copy of the test process, which has already loaded everything"
import os, signal, sys, time, traceback

class Forked:
    "A process that calls `f`; starting Python and loading fastai again would take longer than most of the calls"
    def __init__(self, f,
        out=None # Open file that takes its output and errors
    ):
        for o in (sys.stdout, sys.stderr): o.flush() # Otherwise both processes would print what is still in the buffer
        self.pid,status = os.fork(),1
        if self.pid: return
        try:
            if out:
                for o in (1, 2): os.dup2(out.fileno(), o)
                sys.stdout = sys.stderr = out
            f()
            status = 0
        except BaseException: traceback.print_exc()
        finally:
            try: sys.stdout.flush()
            finally: os._exit(status) # Also if nobody reads the output any more
    def kill(self): os.kill(self.pid, signal.SIGKILL)
    def ended(self):
        "The exit code, negative if a signal ended it, or `None` while it runs"
        pid,status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None
    def wait(self, seconds=600):
        "The exit code, at the latest after `seconds`, when it is killed"
        until,pause = time.monotonic()+seconds,.002
        while (code := self.ended()) is None:
            if time.monotonic()>until: self.kill()
            time.sleep(pause)
            pause = min(.02, 1.2*pause)
        return code
