"A file is written completely or not at all, and what is no file is never replaced or moved"
import os, pytest, re
from fastcore.script import CliError
from fastopt.files import atomic_write, check_writable

def folder(o):
    o.mkdir()
    (o/'best.pth').write_text('precious')

def linked(o):
    folder(real := o.with_name(o.name+'-real'))
    o.symlink_to(real, target_is_directory=True)

def empty(o): o.mkdir()

def pipe(o): os.mkfifo(o)

def tree(path): return {str(o.relative_to(path)): (o.is_symlink(), o.is_file() and o.read_text()) for o in path.rglob('*')}

posix = pytest.mark.skipif(os.name=='nt', reason='Windows has no named pipes, and links need a right')
NO_FILES = [folder, empty, pytest.param(linked, marks=posix), pytest.param(pipe, marks=posix)]

@pytest.mark.parametrize('when', ['before', 'meanwhile'])
@pytest.mark.parametrize('place', ['path', 'path without old', 'old'])
@pytest.mark.parametrize('make', NO_FILES)
def test_what_is_no_file_stays(tmp_path, make, place, when):
    "Neither as the file to write nor as its old place, and also if another process makes it during the work"
    path,old,worked = tmp_path/'x',tmp_path/'x.prev',[]
    if place=='old': path.write_text('old')
    bad,args = (old if place=='old' else path),((path,) if place=='path without old' else (path, old))
    if when=='before': make(bad)
    was = tree(tmp_path)
    with pytest.raises(CliError, match=rf'^{re.escape(str(bad))} is a (folder|device or pipe), .* Give the path of a file') as e:
        with atomic_write(*args) as part:
            worked.append(1)
            part.write_text('new')
            if when=='meanwhile':
                make(bad)
                was = {k:v for k,v in tree(tmp_path).items() if not k.startswith('part-')}
    assert tree(tmp_path)==was and isinstance(e.value.__cause__, OSError) and '\n' not in str(e.value)
    assert bool(worked)==(when=='meanwhile'), 'a path that is known to be wrong costs no work'
    with pytest.raises(CliError, match=f'^{re.escape(str(bad))} is '): check_writable(*args)
    assert tree(tmp_path)==was

@posix
@pytest.mark.parametrize('target', ['a file', 'nothing'])
def test_a_link_to_a_file_is_replaced(tmp_path, target):
    "As before: a link is replaced, not followed"
    path,real = tmp_path/'x',tmp_path/'real'
    if target=='a file': real.write_text('old')
    path.symlink_to(real)
    check_writable(path)
    with atomic_write(path) as part: part.write_text('new')
    assert path.read_text()=='new' and not path.is_symlink() and real.exists()==(target=='a file')

@pytest.mark.parametrize('parent', ['file', 'file/folder'])
def test_a_parent_that_cannot_be_a_folder_is_found_at_the_start(tmp_path, parent):
    (tmp_path/'file').write_text('old')
    with pytest.raises(CliError, match=r'^Cannot write .*x: .* Choose another folder$'): check_writable(tmp_path/parent/'x')
    assert tree(tmp_path)=={'file': (False, 'old')}

def test_a_folder_without_room_for_files_is_found_at_the_start(tmp_path, monkeypatch):
    def refuse(*args, **kwargs): raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr(os, 'mkdir', refuse)
    with pytest.raises(CliError, match=r'^Cannot write .*x: .*Permission denied. Choose another folder$'): check_writable(tmp_path/'x')

def test_check_writable_makes_the_folder_and_nothing_else(tmp_path):
    check_writable(tmp_path/'a'/'b'/'x', tmp_path/'a'/'b'/'x.prev')
    assert [*tree(tmp_path)]==['a', 'a/b'] or [*tree(tmp_path)]==['a', 'a\\b']
