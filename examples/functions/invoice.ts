/**
 * Draws a PDF invoice with `pdf-lib` and answers it as a file.
 *
 *   curl -o invoice.pdf http://127.0.0.1:8787/functions/invoice \
 *     -d '{"number":"2026-001","customer":"Ada Lovelace","lines":[{"text":"Notes on the engine","quantity":3,"cents":4500}]}'
 */
import { PDFDocument, StandardFonts, rgb } from 'pdf-lib';
import type { PDFFont, PDFPage } from 'pdf-lib';
import { formatMoney } from '../shared/money.ts';

interface Line {
  readonly text: string;
  readonly quantity: number;
  readonly cents: number;
}

interface Invoice {
  readonly number: string;
  readonly customer: string;
  readonly lines: readonly Line[];
}

export default async (request: Request): Promise<Response> => {
  const invoice: unknown = await request.json().catch(() => undefined);
  if (!isInvoice(invoice)) {
    return Response.json(
      { error: 'Cannot draw the invoice: send JSON with number, customer and lines of { text, quantity, cents }.' },
      { status: 400 },
    );
  }
  const bytes = await draw(invoice);
  console.log('invoice %s: %d lines, %d bytes', invoice.number, invoice.lines.length, bytes.byteLength);
  return new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: { 'content-type': 'application/pdf', 'content-disposition': 'attachment; filename="invoice.pdf"' },
  });
};

async function draw(invoice: Invoice): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.setTitle(`Invoice ${invoice.number}`);
  const font = await document.embedFont(StandardFonts.Helvetica);
  const bold = await document.embedFont(StandardFonts.HelveticaBold);
  const page = document.addPage([595, 842]); // A4 in points

  page.drawText(`Invoice ${invoice.number}`, { x: 50, y: 770, size: 24, font: bold, color: rgb(0.1, 0.2, 0.4) });
  page.drawText(invoice.customer, { x: 50, y: 735, size: 12, font });
  let y = 690;
  for (const line of invoice.lines) {
    page.drawText(`${line.quantity} × ${line.text}`, { x: 50, y, size: 11, font });
    drawRight(page, formatMoney(line.quantity * line.cents), { y, font });
    y -= 20;
  }
  const total = invoice.lines.reduce((sum, line) => sum + line.quantity * line.cents, 0);
  page.drawLine({ start: { x: 50, y: y + 8 }, end: { x: 545, y: y + 8 }, thickness: 0.5 });
  page.drawText('Total', { x: 50, y: y - 12, size: 12, font: bold });
  drawRight(page, formatMoney(total), { y: y - 12, font: bold });
  return document.save({ useObjectStreams: false });
}

function drawRight(page: PDFPage, text: string, { y, font }: { y: number; font: PDFFont }): void {
  // The standard fonts know Latin-1 only; Intl puts a no-break space, which is part of it.
  page.drawText(text, { x: 545 - font.widthOfTextAtSize(text, 11), y, size: 11, font });
}

function isInvoice(value: unknown): value is Invoice {
  const { number, customer, lines } = Object(value) as Record<string, unknown>;
  return typeof number === 'string' && typeof customer === 'string' && Array.isArray(lines) && lines.length <= 30 && lines.every(isLine);
}

function isLine(value: unknown): value is Line {
  const { text, quantity, cents } = Object(value) as Record<string, unknown>;
  return typeof text === 'string' && Number.isInteger(quantity) && Number.isInteger(cents);
}
