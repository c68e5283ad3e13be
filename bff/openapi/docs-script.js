// Begins the reference at /docs. It runs in the browser, after the viewer.

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  // A badge that would send the address of the document to somebody else.
  validatorUrl: null,
});
