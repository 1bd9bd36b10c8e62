"""Processes that train together: `ranks` starts them with the environment that `accelerate launch` and `torchrun` give them

They are forked from this process, which has loaded everything; new processes would import PyTorch and fastai for some five seconds each.
A GPU in use does not survive a fork, so new processes are started there."""
import os, socket, subprocess, sys, tempfile, time
import torch
from forked import Forked

def port():
    "A port at which no process listens"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

def told(rank, world, at):
    "The environment that a launcher gives to process `rank` of `world`"
    return dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=world, LOCAL_WORLD_SIZE=world, MASTER_ADDR='127.0.0.1', MASTER_PORT=at,
        ACCELERATE_USE_CPU='true', ACCELERATE_MIXED_PRECISION='no', CUDA_VISIBLE_DEVICES='', GLOO_SOCKET_IFNAME='lo')

def forked(main, args, env):
    "The process id and the output file of a fork that runs `main(*args)`"
    def run():
        os.environ.update(env)
        if 'accelerate' in sys.modules: # A test may have used it, and it keeps what it found in the environment then
            from accelerate.state import AcceleratorState
            AcceleratorState._reset_state(reset_partial_state=True)
        with torch.enable_grad(): main(*args)
    out = tempfile.TemporaryFile('w+')
    return Forked(run, out).pid,out

def started(file, args, env):
    "The same with a new Python process, which runs the script `file`"
    out = tempfile.TemporaryFile('w+')
    return subprocess.Popen([sys.executable, file, *args], stdout=out, stderr=out, env={**os.environ, **env}).pid,out

def ranks(file, main, *args, world=2, seconds=240):
    "Run `main(*args)` of the script `file` in `world` processes, and raise an error if one does not end with 0"
    at,args,end = port(),list(map(str, args)),time.monotonic()+seconds
    envs = [{k:str(v) for k,v in told(r, world, at).items()} for r in range(world)]
    can_fork = hasattr(os, 'fork') and not torch.cuda.is_available()
    ps = dict(forked(main, args, o) if can_fork else started(file, args, o) for o in envs)
    left,ends = set(ps),{}
    while left:
        for pid in list(left):
            got,status = os.waitpid(pid, os.WNOHANG)
            if got: ends[pid] = os.waitstatus_to_exitcode(status)
            if got: left.discard(pid)
        if any(ends.values()) or time.monotonic()>end: # The others would wait for it
            for pid in left: os.kill(pid, 9)
        time.sleep(.02)
    def said(out):
        out.seek(0)
        return out.read()[-4000:]
    assert not any(ends.values()), '\n'.join(f'process {i} ended with {ends[pid]}:\n{said(out)}' for i,(pid,out) in enumerate(ps.items()))
