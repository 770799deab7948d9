"""Scanner to fields on voxels: diffusion tensors in RAS+ world millimetres. numpy only, no mesh."""
