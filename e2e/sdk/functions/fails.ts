export default (): Response =>
  Response.json({ error: { message: 'Card declined', code: 'declined' }, fields: ['number'] }, { status: 402 });
