"A record is complete, or the old one is kept, whatever happens during the write; and only one process holds a lock"
import errno, json, os, pytest, signal, time
from fastcore.script import CliError
from fastopt.files import atomic_write
from fastopt.training.records import append_json_line, exclusive_lock, read_json_lines, running_record, save_record
from forked import Forked
from functools import partial
from pathlib import Path

def names(run): return sorted(o.name for o in run.iterdir())

def test_full_disk_keeps_the_old_record(tmp_path, monkeypatch):
    f = tmp_path/'record.json'
    save_record(dict(epoch=1), f)
    def full(self, text, **kwargs):
        self.write_bytes(text.encode()[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(Path, 'write_text', full)
    with pytest.raises(CliError, match='No space left'): save_record(dict(epoch=2), f)
    assert json.loads(f.read_bytes())==dict(epoch=1) and names(tmp_path)==['record.json']

def test_writers_of_one_file(tmp_path):
    "Each writer has its own file, and the last to finish wins"
    f = tmp_path/'record.json'
    with atomic_write(f) as p:
        p.write_text('first')
        save_record(dict(epoch=2), f)
        assert json.loads(f.read_text())==dict(epoch=2) and p.read_text()=='first'
    assert f.read_text()=='first' and names(tmp_path)==['record.json']

def test_links_are_not_written_through(tmp_path):
    "Neither the file's own name nor any other leads elsewhere"
    (tmp_path/'other').write_text('other')
    for o in ('record.json','part-record.json'): (tmp_path/o).symlink_to('other')
    save_record(dict(epoch=1), tmp_path/'record.json')
    assert (tmp_path/'other').read_text()=='other' and not (tmp_path/'record.json').is_symlink()

def test_mode_is_as_asked_for(tmp_path):
    was = os.umask(0o027)
    try: save_record(dict(epoch=1), tmp_path/'record.json')
    finally: os.umask(was)
    assert (tmp_path/'record.json').stat().st_mode&0o777==0o640

def test_disk_that_is_full_when_asked(tmp_path, monkeypatch):
    "Some file systems report errors only when they are flushed"
    save_record(dict(epoch=1), tmp_path/'record.json')
    def full(fd): raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(CliError, match='quota exceeded. The old file is unchanged'): save_record(dict(epoch=2), tmp_path/'record.json')
    assert json.loads((tmp_path/'record.json').read_text())==dict(epoch=1) and names(tmp_path)==['record.json']

def test_file_size_limit(tmp_path):
    resource = pytest.importorskip('resource')
    f,was = tmp_path/'record.json',resource.getrlimit(resource.RLIMIT_FSIZE)
    save_record(dict(epoch=1), f)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000,was[1]))
    try:
        with pytest.raises(CliError, match='record.json'): save_record(dict(epoch=2, much=['x'*100]*100), f)
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, was)
    assert json.loads(f.read_bytes())==dict(epoch=1) and names(tmp_path)==['record.json']

def test_names_that_are_not_utf8(tmp_path):
    "They are kept, and others stay readable"
    recs = [dict(folder='caf\udce9'), dict(folder='café')]
    for o in recs: append_json_line(o, tmp_path/'r.jsonl')
    assert read_json_lines(tmp_path/'r.jsonl')==recs and 'café'.encode() in (tmp_path/'r.jsonl').read_bytes()
    save_record(recs[0], tmp_path/'record.json')
    assert json.loads((tmp_path/'record.json').read_bytes())==recs[0]

@pytest.mark.skipif(os.name=='nt', reason='Windows has no signals')
@pytest.mark.parametrize('at,status', [(0, 'interrupted'), (1, 'done')])
def test_a_record_that_is_interrupted_is_complete(tmp_path, monkeypatch, at, status):
    "A Ctrl-C while the first or the last record is written ends the run, and no file says that it is still running"
    writes,replace = [],os.replace
    def pressed(*args):
        writes.append(args)
        if len(writes)==at+1: os.kill(os.getpid(), signal.SIGINT)
        replace(*args)
    monkeypatch.setattr(os, 'replace', pressed)
    with pytest.raises(KeyboardInterrupt), running_record(dict(name='a'), tmp_path/'record.json'): pass
    assert json.loads((tmp_path/'record.json').read_text())['status']==status and names(tmp_path)==['record.json']

# ---- locks

def test_lock(tmp_path):
    "One process at a time holds the lock, one that does not wait gets `False`, and no file is left"
    lock = tmp_path/'new'/'work.lock'
    def tries(wait):
        with exclusive_lock(lock, wait=wait) as ours: os._exit(ours)
    with exclusive_lock(lock) as ours:
        assert ours is True and [Forked(partial(tries, False)).wait() for _ in range(2)]==[0,0]
        waits = Forked(partial(tries, True))
        with exclusive_lock(lock, wait=False) as too: assert too is False
        assert lock.exists() and waits.ended() is None
    assert waits.wait()==1
    with exclusive_lock(lock): pass
    assert not lock.exists()

def test_lock_is_never_held_twice(tmp_path):
    "Although the file is created and removed again and again, none of many short tasks overlaps another"
    def work():
        for _ in range(15):
            with exclusive_lock(tmp_path/'lock'):
                (tmp_path/'busy').mkdir() # Refused, if it is there
                (tmp_path/'busy').rmdir()
    assert [o.wait() for o in [Forked(work) for _ in range(4)]]==[0]*4 and not list(tmp_path.iterdir())

@pytest.mark.parametrize('child', [False, True], ids=['alone','with a process it started'])
def test_lock_of_the_killed(tmp_path, child):
    "SIGKILL releases the lock, even if a child process lives on; so does an error"
    def hang():
        with exclusive_lock(tmp_path/'lock'):
            (tmp_path/'in').write_text(str(Forked(partial(time.sleep, 60)).pid) if child else '')
            time.sleep(60)
    p = Forked(hang)
    while not (tmp_path/'in').exists() or child and not (tmp_path/'in').read_text(): time.sleep(.01)
    with exclusive_lock(tmp_path/'lock', wait=False) as ours: assert not ours
    p.kill()
    assert p.wait()==-signal.SIGKILL
    with exclusive_lock(tmp_path/'lock', wait=False) as ours: assert ours
    if child: os.kill(int((tmp_path/'in').read_text()), signal.SIGKILL)
    with pytest.raises(ZeroDivisionError), exclusive_lock(tmp_path/'lock'): 1/0
    with exclusive_lock(tmp_path/'lock', wait=False) as ours: assert ours

@pytest.mark.parametrize('error', [errno.EROFS, errno.EACCES, errno.ENOSPC], ids=errno.errorcode.get)
def test_a_lock_that_cannot_be_made_is_one_line(tmp_path, error, monkeypatch):
    "In a folder that is read-only, of somebody else, or on a full disk, whether or not the process would wait"
    def refuse(self, *args, **kwargs): raise OSError(error, os.strerror(error), self.lock_file)
    monkeypatch.setattr('filelock.FileLock.acquire', refuse)
    for wait in (False, True):
        with pytest.raises(CliError, match=f'Cannot write .*lock: .*{os.strerror(error)}.*choose another folder') as e:
            with exclusive_lock(tmp_path/'lock', wait=wait): pass
        assert '\n' not in str(e.value)
    with pytest.raises(CliError, match=os.strerror(error)): append_json_line(dict(a=1), tmp_path/'a.jsonl')

def test_a_lock_below_a_file_is_one_line(tmp_path):
    (tmp_path/'a').touch()
    with pytest.raises(CliError, match='Cannot write .*lock'), exclusive_lock(tmp_path/'a'/'b'/'lock'): pass
