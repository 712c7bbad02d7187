export default (): Response =>
  new Response(
    Uint8Array.from({ length: 256 }, (_, index) => index),
    { headers: { 'content-type': 'application/octet-stream' } },
  );
