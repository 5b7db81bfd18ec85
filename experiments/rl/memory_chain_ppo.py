"""PPO without memory guesses where a bit must be remembered: the control of the recurrent policy.

In bsuite's MemoryChain (gymnax), -1 or 1 is observed in the first two steps and never again; thirty
steps after the first an action must name it, for a return of 1 or -1. Later observations hold how
many steps remain, and nothing of the bit. So no policy of the last observation has any other mean
return than 0: the most probable action is the same in every episode, and right in half of them.
Settings are those of `rl/memory_chain_recurrent_ppo`, with two dense layers of 32 instead of one
and a GRU. The evaluation plays 64 episodes with the most probable actions, 64 with drawn ones.

Run: python launch.py run rl/memory_chain_ppo
Expected: evaluation episode_return 0, the mean of 64 times 1 or -1: within 0.25 in 19 of 20
Time: 5 s
"""

from research.rl.algorithms.ppo import PPO

config = PPO(
    environment="MemoryChain30-bsuite",
    environment_steps=400_000,
    environments=16,
    rollout_steps=64,
    units=32,
    learning_rate=3e-3,
    gae_lambda=1.0,
    entropy_weight=0.01,
)
