"Quasi-hyperbolic optimizers"
from fastopt.optim.qhadam import qhadam, qhadamw

QHOPTIM = dict(mom=0.9, nu1=1., nu2=1., wd=0.) # The defaults of qhoptim's classes

def qhoptim_qhadam(hp): return (qhadamw if hp.pop('decouple_weight_decay', False) else qhadam),{**QHOPTIM, **hp}

def iprally_qhadamw(hp): return qhadamw,{**hp, 'wd':hp.get('wd', 0.)/hp.get('lr', 1e-3)} # Its decay is not multiplied by the rate

RULES = dict(QHAdam=qhoptim_qhadam, QHAdamW=dict(facebookresearch=lambda hp: (qhadamw, {**QHOPTIM, **hp}), iprally=iprally_qhadamw))
