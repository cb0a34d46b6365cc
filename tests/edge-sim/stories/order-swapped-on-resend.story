# Made short from seed 8000010 while the mutant `order-swapped-on-resend` was planted; without it the story is clean.
seed = 8000010

[plan]
nodes = 1
devices = [1, 3, 1]
servers = 1
length = "6.323954625s"
pace = "0.177344s"
absent = [0, 1, 2, 3, 4]
facts = [5031]
troubles = [
    { at = "6.176134234s", what = { hardship = { Failure = "LinesSync" } } },
]
paths = [0, 0, 0, 0, 0, 0]

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
queue_bytes_max = 65536
commit_window = "0s"
cursor_interval = "0.005s"
lanes = 1
disk_latency = "0.108662s"
disk_jitter = "0.190386s"
token_leeway = "30s"
