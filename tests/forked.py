"""A process that is a copy of the test process, which has already loaded everything; or of a server, a process started once that has
loaded something else"""
import atexit, json, os, signal, subprocess, sys, time, traceback

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

def start_server(code, warn='ignore', **env):
    "Start a process that runs `code`, which answers lines of its input, with the filter `warn` of warnings and the variables `env`"
    p = subprocess.Popen([sys.executable, '-W', warn, '-c', code], env={**os.environ, **env}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    def end():
        p.stdin.close()
        p.wait()
    atexit.register(end)
    return p

def ask(server, *request):
    "The answer of the process `server` to `request`, both in JSON on one line"
    server.stdin.write(json.dumps(request)+'\n')
    server.stdin.flush()
    answer = server.stdout.readline()
    assert answer, f'the process {server.args} has ended'
    return json.loads(answer)
