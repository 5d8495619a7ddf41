--- Modes found and samples of high quality (per cent) as published, on rings of
--- 8 and grids of 25: Srivastava et al. 2017 (VEEGAN), table 1, and Lin et al.
--- 2018 (PacGAN), table 1. Their nets, budgets and rings are others: compare
--- orders, not numbers.
return {
  { source = "VEEGAN", method = "GAN", ring = 1, ring_quality = 99.3,
    grid = 3.3, grid_quality = 0.5 },
  { source = "VEEGAN", method = "ALI", ring = 2.8, ring_quality = 0.13,
    grid = 15.8, grid_quality = 1.6 },
  { source = "VEEGAN", method = "unrolled", ring = 7.6, ring_quality = 35.6,
    grid = 23.6, grid_quality = 16 },
  { source = "VEEGAN", method = "VEEGAN", ring = 8, ring_quality = 52.9,
    grid = 24.6, grid_quality = 40 },
  { source = "PacGAN", method = "GAN", ring = 6.3, ring_quality = 98.2,
    grid = 17.3, grid_quality = 94.8 },
  { source = "PacGAN", method = "pack 2", ring = 7.9, ring_quality = 95.6,
    grid = 23.8, grid_quality = 91.3 },
}
