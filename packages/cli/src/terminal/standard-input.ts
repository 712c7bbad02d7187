/** Reads all of standard input; a person at a terminal is told what is awaited. */
export async function readStandardInput(): Promise<Buffer> {
  if (process.stdin.isTTY) process.stderr.write('Reading from standard input; end with Ctrl-D.\n');
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
