# Made short from seed 8000001 while the mutant `order-swapped-on-resend` was planted; without it the story is clean.
seed = 8000001

[plan]
nodes = 1
devices = [1, 2]
servers = 0
length = "5.93654589s"
pace = "0.174822s"
absent = [0, 2]
facts = [1033]
troubles = [
    { at = "5.577679837s", what = { hardship = { Failure = "LinesWrite" } } },
]
paths = [0, 0, 0]

[plan.papers]
life = "900s"
leeway = "30s"

[plan.link]
latency = "0.005s"
jitter = "0s"
loss_ppm = 0
duplicate_ppm = 0
reorder_ppm = 0
reorder_delay = "0.02s"
corrupt_ppm = 0
mtu_bytes = 1472

[plan.setup]
shards = 2
ring_slots = 16
spool_slots = 16
hop = "0.00002s"
wake = "0s"
window_events = [48, 48, 48, 48]
receipt_batch = 1
receipt_delay = "0s"
retry_above = 64
forward_slots = 32
back_slots = 64
record_slots = 32
waiting_slots = 64
segment_bytes = 32768
record_bytes_max = 16384
batch_bytes_max = 17408
log_bytes_max = 8388608
checkpoint_every_bytes = 32768
queue_bytes_max = 65536
commit_window = "0s"
cursor_interval = "0.005s"
lanes = 1
disk_latency = "0.00005s"
disk_jitter = "0.218311s"
token_leeway = "30s"
