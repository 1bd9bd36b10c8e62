"AggMo"
from fastopt.optim.aggmo import aggmo_of, exp_betas

def official_aggmo(hp):
    if 'a' in hp: return aggmo_of(*exp_betas(hp.pop('a'), hp.pop('k'))),hp
    return aggmo_of(*hp.pop('betas', exp_betas())),hp

RULES = dict(AggMo=official_aggmo)
