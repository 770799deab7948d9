"""The case file that ``fibertwin init`` writes."""

STARTER = """\
# A fibertwin case. Every number with a dimension carries its unit; paths start at this file's folder.
#   fibertwin check case.toml           tells everything that is wrong, and what would be run
#   fibertwin run case.toml -o out      runs it; mpirun -n 4 fibertwin run ... on four cores
#   fibertwin schema -o case.json       for completion in an editor, with the next line's second # removed
# #:schema case.json

title = "Retraction of the right hemisphere"
# plugins = ["my_law.py"]               # laws of your own, in Python files

[diffusion]                             # the scan: dwi + bvals + bvecs, or tensor, or v1 + fa
dwi = "dwi.nii.gz"
bvals = "dwi.bval"
bvecs = "dwi.bvec"
# tensor = "dti.nii.gz"                 # a fitted tensor volume instead;
# convention = "mrtrix"                 # who wrote it, where the header does not tell
mask = "brain"                          # which voxels count: found from the scan; or "signal", or an image
# transform = "image_to_mesh.txt"       # 4 x 4, RAS+ mm to RAS+ mm, or ITK's or FLIRT's; turns the tensors too
radius = "5 mm"                         # how far outside the mask the nearest tensor may be taken

[anatomy]                               # the body: block, mask or mesh-file
type = "mask"                           # what the scan's own mask shows
edge = "7 mm"
opening = "8 mm"                        # takes off what hangs on by less: eyes and nerves of a head

[surfaces]                              # named parts of the boundary; of several selectors all must hold
"skull base" = [
    { select = "half-space", axis = "z", below = "35 %" },
    { select = "facing", direction = "down", angle = "60 deg" },
]
blade = { select = "patch", direction = "right", width = "30 mm", height = "15 mm" }

[materials.tissue]                      # one for each region; without [regions] all is "tissue"
bulk_modulus = "1 MPa"                  # or "incompressible"
energies = [
    { law = "neo-hookean", mu = "1 kPa" },
    { law = "gasser-ogden-holzapfel", k1 = "5 kPa", k2 = 1.0, dispersion = "tensor" },
]
# a published material instead: [materials] with tissue = "brain-torsion"; fibertwin law lists them
# a number that varies: mu = { image = "elastogram.nii.gz", unit = "Pa" }, or { formula = "1 + 5 * FA" } in kPa

[supports]                              # how the body is held and moved
"skull base" = { type = "clamp", surface = "skull base" }
blade = { type = "retractor", surface = "blade", depth = "5 mm" }

[loads]                                 # what pushes on it
# tumor = { type = "follower-pressure", surface = "blade", pressure = "0.5 kPa" }

[solve]
formulation = "taylor-hood"             # or "displacement" for compressible tissue
quadrature_degree = 4

[output]
formats = ["pvd"]                       # and "vtx"
compare_isotropic = true                # what a model without fibers would miss
"""
