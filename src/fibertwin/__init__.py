"""fibertwin: from a patient's diffusion MRI to tissue strain and stress."""
