export default async (): Promise<Response> => {
  await new Promise((resolve) => setTimeout(resolve, 5000));
  return new Response('late');
};
