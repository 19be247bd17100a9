"""Stand-ins for the official files: shapes from measured numbers, painted wood, the arm that pybullet_data has."""
