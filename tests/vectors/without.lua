--- Ops that PyTorch has but that no spec compares with it, and why.
local random = "draws numbers: the streams differ"

return {
  bernoulli = random, binomial = random, dropout = random, exponential = random,
  gumbel = random, gumbel_softmax = random, multinomial = random,
  poisson = random, rand = random,
  rand_like = random, randint = random, randn = random, randn_like = random,
  randperm = random,
}
