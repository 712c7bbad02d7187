/**
 * A payment webhook with the `stripe` package. The signature covers the exact bytes that were sent, so the body is
 * read as text and verified before anything is parsed. Set the secret with `martlet secrets set STRIPE_WEBHOOK_SECRET=whsec_…`;
 * without it the example's own secret is used, which anybody can read here.
 *
 *   curl -d '{}' http://127.0.0.1:8787/functions/stripe-webhook        # refused: no signature
 */
import Stripe from 'stripe';
import type { FunctionContext } from 'martlet';
import { formatMoney } from '../shared/money.ts';

const DEMO_SECRET = 'whsec_martlet_example';
// Verifying needs no API key of Stripe's; a function that calls their API reads one from `ctx.env`.
const stripe = new Stripe('sk_test_not_used');

export default async (request: Request, ctx: FunctionContext): Promise<Response> => {
  const signature = request.headers.get('stripe-signature');
  if (signature === null)
    return Response.json({ error: 'Cannot verify the event: the header stripe-signature is missing.' }, { status: 400 });

  let event: Stripe.Event;
  try {
    event = stripe.webhooks.constructEvent(await request.text(), signature, ctx.env['STRIPE_WEBHOOK_SECRET'] ?? DEMO_SECRET);
  } catch (error) {
    ctx.log.warn('refused a webhook: %s', error instanceof Error ? error.message : error);
    return Response.json({ error: 'Cannot verify the event: the signature does not match.' }, { status: 400 });
  }

  // Answer fast and work afterwards: Stripe sends an event again when the answer takes too long.
  ctx.waitUntil(handle(event, ctx));
  return Response.json({ received: event.id });
};

async function handle(event: Stripe.Event, ctx: FunctionContext): Promise<void> {
  if (event.type !== 'payment_intent.succeeded') return ctx.log('nothing to do for %s', event.type);
  const payment = event.data.object;
  ctx.log('payment %s: %s', payment.id, formatMoney(payment.amount_received, payment.currency.toUpperCase()));
}
