"""What users write, for type checkers: nothing here runs. A line with a mistake names in a comment what must be said of it, and no other
line may be flagged"""
from functools import partial
from fastai.vision.all import ImageDataLoaders, Learner, accuracy, resnet18, vision_learner
from fastopt import DiffGrad as FromPackage, diffgrad as from_package
from fastopt.all import * # expect: reportWildcardImportFromLibrary - as of any library, fastai too
from fastopt.optim.diffgrad import difgrad # expect: reportAttributeAccessIssue; chkstyle: ignore - it is a mistake
from fastopt.optim.muon import Muon as OwnMuon
import fastopt, fastopt.evidence.landscapes, torch

model = torch.nn.Linear(3, 2)
ps = list(model.parameters())

# Rules, as fastai calls them
opt = diffgrad(ps, lr=1e-3, mom=0.95, wd=0.01)
opt.step()
opt.zero_grad()
diffgrad(ps, 1e-3, mom=[0.9, 0.95], version=1, lowp='kahan')
diffgrad([ps[:1], ps[1:]], lr=slice(1e-5, 1e-3), how='foreach')
diffgrad(model.parameters(), weightdecay=0.01) # expect: reportCallIssue
diffgrad(ps, weight_decay=0.01) # expect: reportCallIssue
diffgrad(ps, mom='much') # expect: reportArgumentType
diffgrad(ps, version=3) # expect: reportArgumentType
diffgrad(ps, how='fast') # expect: reportArgumentType
diffgrad(model) # expect: reportArgumentType
diffgrad() # expect: reportCallIssue
adamod(ps, len_memory=100)
aggmo(ps, betas=[0, 0.9])
from_package(ps, mom=0.9)
from_package(ps, mum=0.9) # expect: reportCallIssue
fastopt.adamw(ps, lr=1e-3, wd=0.1).step()
fastopt.adam_w(ps) # expect: reportAttributeAccessIssue

# partial: its mistakes are found where the partial is made
opt_func = partial(diffgrad, mom=0.9)
opt_func(ps, lr=1e-3).step()
partial(diffgrad, weightdecay=0.01) # expect: reportCallIssue
partial(adamw, mom=0.9, sqr_mom=0.99, eps=1e-6)

# Classes, as PyTorch calls them
sgd_like = DiffGrad(ps, lr=1e-3, betas=(0.9, 0.999), weight_decay=0.01)
DiffGrad(model.parameters(), 1e-3, (0.9, 0.999), eps=1e-6)
DiffGrad([dict(params=ps[:1], lr=1e-4), dict(params=ps[1:])], lr=1e-3)
DiffGrad(ps, weightdecay=0.01) # expect: reportCallIssue
DiffGrad(ps, wd=0.01) # expect: reportCallIssue
DiffGrad(ps, betas=0.9) # expect: reportArgumentType
AdamW(ps, lr=1e-3, weight_decay=0.1, fused=True, amsgrad=False)
FromPackage(ps, lr=1e-3).param_groups[0]['lr'] = 0.1
OwnMuon(ps, lr=0.02, momentum=0.95, nesterov=True, adjust_lr_fn=None)
Adafactor(ps, eps=(None, 1e-3))
sched = torch.optim.lr_scheduler.OneCycleLR(sgd_like, 0.1, total_steps=10)

# Rules of one's own
@term
def sign_of_mean(u, m, *,
    mom:Unit=0.9 # How slowly the mean forgets
):
    "The sign of the mean gradient"
    return ema_(m, u, mom).sign()

signum = Rule(sign_of_mean, decay, descend, lr=1e-4, doc='Only signs count')
signum(ps, lr=1e-4, mom=0.9).step()
Signum = signum.torch('Signum')
Signum(ps, lr=1e-4, momentum=0.9).step()
print(signum.hypers, signum.kernel, diffgrad.chain, list(diffgrad), opts('*grad'))
both = route(matrices, muon, adamw, lr_ratio=0.05)
both(ps, lr=0.02)

# With fastai
dls = ImageDataLoaders.from_folder('digits')
learn = Learner(dls, model, opt_func=diffgrad, metrics=accuracy)
vision_learner(dls, resnet18, opt_func=partial(diffgrad, mom=0.9))
learn.fit(1, cbs=ScheduleFree())
