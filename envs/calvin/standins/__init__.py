"""Stand-ins for the official data files: shapes from measured numbers, wood by procedure, the arm from pybullet_data."""
