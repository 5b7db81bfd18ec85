"""PPO remembers a bit for thirty steps: a policy with a GRU, carried through each episode.

In bsuite's MemoryChain (gymnax), -1 or 1 is observed in the first two steps and never again; thirty
steps after the first an action must name it, for a return of 1 or -1. Later observations do not
hold it: a policy without memory has a return of 0 on average (`rl/memory_chain_ppo`). Sixteen
environments are played for 64 steps; a policy and a value function, a dense layer of 32 (tanh) and
a GRU of 32 each, then learn from these sixteen sequences in four passes of four at a time. The
hidden states are carried from rollout to rollout and are 0 where an episode begins; gradients flow
through a whole rollout. The step size falls to 0: with a constant one, some seeds forget at the end
what they knew. Whether a seed finds out at all is chance: seven of the record's eight did, and six
or eight of the same with other roundings. The evaluation plays 64 episodes with the most probable
actions and 64 with drawn ones.

Run: python launch.py run rl/memory_chain_recurrent_ppo
Expected: evaluation episode_return 1, the most there is, for six of eight seeds
Time: 10 s
"""

from research.rl.algorithms.recurrent_ppo import RecurrentPPO

config = RecurrentPPO(
    environment="MemoryChain30-bsuite",
    environment_steps=400_000,
    environments=16,
    rollout_steps=64,
    units=32,
    layers=1,
    memory_units=32,
    anneal=True,
    learning_rate=3e-3,
    gae_lambda=1.0,
    entropy_weight=0.01,
)
