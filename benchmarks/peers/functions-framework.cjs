/** The same function for @google-cloud/functions-framework. */
exports.hello = (request, response) => {
  response.json(request.method === 'POST' ? { ...request.body, seen: true } : { hello: 'world' });
};
