"Hands settings.ini, the one place for what changes from release to release, to setuptools."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup

ini = ConfigParser(delimiters=['='])
ini.read_string((Path(__file__).parent/'settings.ini').read_text(encoding='utf-8'))
cfg = ini.defaults()
lib = cfg['lib_name']
extras = {k.removesuffix('_requirements'):v.split() for k,v in cfg.items() if k.endswith('_requirements')}

setup(version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'].split(), author=cfg['author'],
    license_expression=cfg['license'], python_requires=f'>={cfg["min_python"]}', install_requires=cfg['requirements'].split(),
    extras_require=extras, entry_points=dict(console_scripts=cfg['console_scripts'].split(), nbdev=[f'{lib}={lib}._modidx:d']))
