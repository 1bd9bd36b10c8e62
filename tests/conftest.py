"Shared by all tests: pictures are drawn without a screen, and everything runs on one thread, here and in what tests start: some fork, others compare to the bit."
import os
os.environ['OMP_NUM_THREADS'] = '1' # PyTorch reads it as it is loaded. After work on several threads a fork hangs at its first such work
import matplotlib

matplotlib.use('Agg')

def pytest_terminal_summary(terminalreporter):
    "What tests count as properties: `checks`, how many of all rules x checks passed, and `changes`, how many changes x engines were met and how often"
    properties = [o for r in terminalreporter.getreports('passed')+terminalreporter.getreports('failed') for o in r.user_properties]
    checks,changes = ([sum(o) for o in zip(*(v for k,v in properties if k==name))] for name in ('checks', 'changes'))
    if checks: terminalreporter.write_line(f'rules x checks: {checks[0]} of {checks[1]}')
    if changes: terminalreporter.write_line(f'changes x rules x engines before a step: {changes[0]} of {changes[1]}, {changes[2]} times')
