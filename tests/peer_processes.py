"Real peers for tests: processes forked from this one, which has imported everything, with a pipe to each"
import os, signal, socket, torch
from contextlib import contextmanager
from io import BytesIO
from multiprocessing import get_context

def _child(work, i, pipe, socks, args):
    for j,o in enumerate(socks): # Sockets that a process does not use must be closed in it
        if j!=i and o: o.close()
    try: res = work(i, socks[i], *args)
    except BaseException as e: res = e
    torch.save(res, data := BytesIO()) # Otherwise tensors would be shared with a process that has ended
    pipe.send_bytes(data.getvalue())
    pipe.close()

class Peers:
    "Processes by number, each with a socket that is already listening"
    def __init__(self, work, at, *args): self.work,self.at,self.args,self.procs,self.pipes = work,at,args,{},{}
    def start(self, i, socks):
        here,there = get_context('fork').Pipe()
        p = get_context('fork').Process(target=_child, args=(self.work, i, there, socks, (self.at, *self.args)), daemon=True)
        p.start()
        there.close()
        self.procs[i],self.pipes[i] = p,here
    def again(self, i):
        "Start process i again, at its address"
        with socket.create_server(self.at[i]) as o: self.start(i, [None]*i+[o])
    def kill(self, i):
        self.signal(i, signal.SIGKILL)
        self.procs[i].join()
    def signal(self, i, sig): os.kill(self.procs[i].pid, sig)
    def result(self, i, timeout=60):
        "The result of `work` in process i"
        if not self.pipes[i].poll(timeout): raise TimeoutError(f'Peer {i} did not end in {timeout} s')
        res = torch.load(BytesIO(self.pipes[i].recv_bytes()), weights_only=False)
        if isinstance(res, BaseException): raise res
        return res
    def close(self):
        for p in self.procs.values():
            if p.is_alive(): p.kill()
            p.join(10)

@contextmanager
def peers(n, work, *args):
    "Run `work(i, sock, addresses, *args)` in n processes, which have ended afterwards"
    socks = [socket.create_server(('127.0.0.1', 0)) for _ in range(n)]
    ps = Peers(work, [o.getsockname()[:2] for o in socks], *args)
    for i in range(n): ps.start(i, socks)
    for o in socks: o.close()
    try: yield ps
    finally: ps.close()
