// The interface for programs, drawn from our own description of it.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  supportedSubmitMethods: ["get", "post", "put", "delete"],
});
