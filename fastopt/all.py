"What is typed in a notebook: `from fastopt.all import *`; everything else is imported from its own module"
from fastopt.core.fastai_face import stepper
from fastopt.core.registry import opts
from fastopt.core.rules import (
    Finite, NonNeg, Pos, Unit, Share, Count, Steps, Flag, Range, OneOf, Whole, zeros, clone, Borrowed, Memo, Across, term, decay, shrink,
    descend, maximize, Rule, Route, matrices, route, ema_, ema_sqr_, unbias, unbias_root, at_least, root, cond, larger, smaller, each,
    norm, mean, row_mean)
from fastopt.optim.adabelief import adabelief, adabelief_plain, adabelief_ams, AdaBelief, yogi, Yogi, laprop, LaProp
from fastopt.optim.adam import adamw, adam, Adam, AdamW, amsgrad, AMSGrad, radam, radam_hold, RAdam
from fastopt.optim.adam_mini import adam_mini, AdamMini
from fastopt.optim.adamod import adamod, AdaMod, diffmod, deepmemory, DiffMod, DeepMemory
from fastopt.optim.adan import (
    adan_no_prox, adan, Adan, adoptw, adopt, ADOPT, ADOPTW, mars_adamw, mars_lion, mars, MARS, MARSAdamW, MARSLion)
from fastopt.optim.adaptive import (
    rprop, Rprop, adagrad, Adagrad, adadelta, Adadelta, rmsprop_centered, rmsprop, RMSprop, RMSpropCentered, adamax, Adamax, nadamw,
    nadam, NAdam, NAdamW, adafactor, Adafactor)
from fastopt.optim.aggmo import aggmo, AggMo, exp_betas, aggmo_of
from fastopt.optim.clipping import sgd_clip, sgdm_clip, adam_clip, SGDClip, SGDMClip, AdamClip, clip_value, clip_norm, clip_coords
from fastopt.optim.demon import demon_sgdm, demon_adam_wolfe, demon_adam_damped, demon_adam, DemonSGDM, DemonAdam
from fastopt.optim.diffgrad import diffgrad, DiffGrad, diffrgrad, diffrgrad_hold, DiffRGrad, friction
from fastopt.optim.layerwise import lamb, lamb_debiased, LAMB, lars, LARS, trust
from fastopt.optim.learning_rate_free import prodigy_l2, prodigy, Prodigy, dadapt_adamw, dadapt_adam, DAdaptAdam, dadapt_sgd, DAdaptSGD
from fastopt.optim.lion import cautious_adamw, cautious_lion, lion, Lion, CautiousLion, CautiousAdamW, cautious
from fastopt.optim.lookahead import ranger, ranger20, rangerqh, Ranger, RangerQH, ranger19, lookahead, centralize
from fastopt.optim.muon import muon, Muon, hidden_matrices
from fastopt.optim.qhadam import qhadamw, qhadam, QHAdam, QHAdamW
from fastopt.optim.qhm import qhm, QHM
from fastopt.optim.ranger21 import ranger21, Ranger21, agc
from fastopt.optim.schedulefree import (
    schedulefree_sgd, schedulefree_adamw, schedulefree_radam, ScheduleFreeSGD, ScheduleFreeAdamW, ScheduleFreeRAdam)
from fastopt.optim.sgd import sgd, momentum, nesterov, SGD, Momentum, Nesterov, asgd, ASGD, heavy_ball
from fastopt.optim.shampoo import shampoo, Shampoo, soap, SOAP
from fastopt.optim.sophia import sophia, Sophia, learn_curvature, SophiaHessian
from fastopt.optim.stableadamw import stableadamw, StableAdamW, stabilize
from fastopt.optim.yellowfin import yellowfin, YellowFin
from fastopt.training.closures import Closure
from fastopt.training.flat_anneal import flat_cos, fc_scheds, plot_fc
from fastopt.training.gradient_release import ReleaseGrads, release_gradients
from fastopt.training.precision import PureBF16
from fastopt.training.resume import SaveResume
from fastopt.training.sam import SAM
from fastopt.training.schedule_free import ScheduleFree
from fastopt.training.schedules import (
    switch_opt, Schedule, save_schedules, load_schedules, plot_schedule, plateau, warmup_steps, warmup_fc, wsd, explore, cos_restarts,
    demon, sgd_rates, SwitchOpt)
from fastopt.evidence.adaptive_rates import RateHistogram, plot_rates
from fastopt.evidence.animations import animate_paths, surface_html
from fastopt.evidence.compare import compare
from fastopt.evidence.conformance import check_optimizer, wd_report
from fastopt.evidence.diagnostics import Sharpness, WatchBound, WatchClip, WatchFriction, WatchUpdates
from fastopt.evidence.landscapes import plot_landscape, plot_paths
from fastopt.evidence.loss_plane import WeightPath, plot_loss_plane
from fastopt.evidence.problems import Problem
from fastopt.evidence.sweeps import lr_sweep, lr_wd_sweep
from fastopt.distributed.federated import Federated
from fastopt.distributed.monna import MoNNA
from fastopt.distributed.peers import ClusterLink, MixWithPeers
from fastopt.distributed.transport import TCPLink
from fastopt.training import lr_find as _lr_find # It patches `Learner`
from fastopt.training.import_order import watch_names as _watch_names # This module patches it, too
_watch_names(globals())
