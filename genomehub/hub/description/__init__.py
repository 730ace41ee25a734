"""What is said about data sets: one document that becomes HealthDCAT-AP, schema.org, Croissant and a page."""
