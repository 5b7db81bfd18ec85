"""DQN balances a pole: replay, target network and environments in one compiled program.

Ten CartPole-v1 environments (gymnax) are played for 50 steps by an ε-greedy policy; the network,
120-120 relu, then learns from 50 minibatches of 256 transitions drawn from the newest 10,000, and
is copied to the target network. ε falls from 1 to .05 in the first half of the run. A time limit is
no failure: where an episode is cut after 500 steps, its last state keeps its value. Errors are
squared: ends are rare and their errors large; with clipped errors (`--clipped-error`) they hardly
count, and values grow without bound. The evaluation plays 64 episodes with the best actions
(`episode_return`) and 64 with the last ε (`stochastic_episode_return`); the most that an episode
can give is 500. A policy that holds the pole for good is found early and may be lost again: what is
reported is the best of 16 checkpoints by its mean return, the first of equals, in other episodes
(`--report last` for the last one). Settings follow CleanRL but for twice the minibatch and learning
rate, and a discount of .995: values that look less far do not see that a policy slowly drifts off
the track. Each improvement is an option: `--double`, `--duelling`, `--prioritised`,
`--lookahead 3`, `--atoms 51`; together they are Rainbow without its noisy layers.

Run: python launch.py run rl/cartpole_dqn
Expected: evaluation episode_return 495 over 8 seeds (CleanRL: 498 in training)
Time: 45 s
"""

from research.rl.algorithms.dqn import FAR_SIGHTED

config = FAR_SIGHTED
