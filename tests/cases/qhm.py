"QHM"
from fastopt.core.rules import Rule, decay, descend
from fastopt.optim.qhm import qhm

def qhoptim_qhm(hp): return Rule(*qhm.core, decay, descend) if hp.pop('weight_decay_type', 'grad')=='direct' else qhm,hp

RULES = dict(QHM=qhoptim_qhm)
