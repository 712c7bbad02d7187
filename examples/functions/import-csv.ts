/**
 * Takes a CSV file as a form upload and sums it up. Upload, multipart parser and CSV parser are one chain of streams,
 * so that a file of any size passes through a worker with little memory; nothing waits for the whole body.
 *
 *   printf 'product,cents\npen,120\npaper,480\n' > sales.csv
 *   curl -F file=@sales.csv http://127.0.0.1:8787/functions/import-csv
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { Busboy } from '@fastify/busboy';
import { parse } from 'csv-parse';
import { formatMoney } from '../shared/money.ts';

interface Summary {
  readonly file: string;
  rows: number;
  cents: number;
  readonly columns: string[];
}

export default async (request: Request): Promise<Response> => {
  const type = request.headers.get('content-type') ?? '';
  if (request.body === null || !type.startsWith('multipart/form-data')) {
    return Response.json({ error: 'Cannot import: send the file as multipart/form-data, e.g. curl -F file=@sales.csv' }, { status: 415 });
  }
  try {
    const summaries = await summarise(request.body as NodeReadableStream<Uint8Array>, type);
    console.log(
      'imported %d file(s), %d rows',
      summaries.length,
      summaries.reduce((rows, summary) => rows + summary.rows, 0),
    );
    return Response.json({ files: summaries.map((summary) => ({ ...summary, total: formatMoney(summary.cents) })) });
  } catch (error) {
    console.warn(error);
    return Response.json({ error: `Cannot import: ${error instanceof Error ? error.message : String(error)}` }, { status: 400 });
  }
};

async function summarise(body: NodeReadableStream<Uint8Array>, contentType: string): Promise<Summary[]> {
  const files: Promise<Summary>[] = [];
  const form = new Busboy({ headers: { 'content-type': contentType }, limits: { files: 10 } });
  form.on('file', (_field, content, name) => {
    const summary = summariseFile(name, content);
    // A broken file ends the upload at once; Promise.all below still reports the same error.
    summary.catch((error: Error) => form.destroy(error));
    files.push(summary);
  });
  await pipeline(Readable.fromWeb(body), form);
  return Promise.all(files);
}

async function summariseFile(file: string, content: NodeJS.ReadableStream): Promise<Summary> {
  const summary: Summary = { file, rows: 0, cents: 0, columns: [] };
  const rows = parse({ columns: (header: string[]) => (summary.columns.push(...header), header), trim: true, skip_empty_lines: true });
  await pipeline(content, rows, async (records: AsyncIterable<Record<string, string>>) => {
    for await (const record of records) {
      summary.rows += 1;
      summary.cents += Number(record['cents'] ?? 0) || 0;
    }
  });
  return summary;
}
