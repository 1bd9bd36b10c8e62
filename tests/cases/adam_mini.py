"Adam-mini"
from fastopt.optim.adam_mini import adam_mini
from . import Protocol

RULES = dict(AdamMini=lambda hp: (adam_mini, hp, Protocol(no_wd=(0, 2))))
