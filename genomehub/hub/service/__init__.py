"""The service over HTTP: ``genomehub hub serve``. It alone knows HTTP; it loads no kernel."""
