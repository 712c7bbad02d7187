import type * as Agreed from '@martlet/protocol/function-types';
import type * as Published from 'martlet';
import { functionConfigSchema } from '@martlet/protocol';
import { describe, expect, expectTypeOf, test } from 'vitest';

/**
 * packages/cli/index.d.ts is written by hand, because the published package may not refer to packages of this
 * repository. The compiler compares it with the types that the platform itself uses: `npm run check` fails where they differ.
 */
describe('the published types for authors', () => {
  test('are the ones that the platform uses', () => {
    expectTypeOf<Published.FunctionConfig>().toEqualTypeOf<Agreed.FunctionConfig>();
    expectTypeOf<Published.EgressPolicy>().toEqualTypeOf<Agreed.EgressPolicy>();
    expectTypeOf<Published.FunctionContext>().toEqualTypeOf<Agreed.FunctionContext>();
    expectTypeOf<Published.FunctionContext<{ id: string }>>().toEqualTypeOf<Agreed.FunctionContext<{ id: string }>>();
    expectTypeOf<Published.StandardSchema<string, Date>>().toEqualTypeOf<Agreed.StandardSchema<string, Date>>();
    expectTypeOf<Published.AnswerJson>().toEqualTypeOf<Agreed.AnswerJson>();
    expectTypeOf<Published.ErrorStatus>().toEqualTypeOf<Agreed.ErrorStatus>();
    expectTypeOf<Published.JsonResponse<{ id: string }>>().toEqualTypeOf<Agreed.JsonResponse<{ id: string }>>();
    expectTypeOf<Published.FunctionLog>().toEqualTypeOf<Agreed.FunctionLog>();
    expectTypeOf<Published.FunctionHandler>().toEqualTypeOf<Agreed.FunctionHandler>();
    expectTypeOf<Published.FetchHandler>().toEqualTypeOf<Agreed.FetchHandler>();
  });

  test('type the input by its schema, and the answer by what it is made of', () => {
    expectTypeOf<Published.FunctionContext<Published.StandardSchema<string, Date>>['input']>().toEqualTypeOf<Date>();
    expectTypeOf<Published.FunctionContext['input']>().toEqualTypeOf<undefined>();
    expectTypeOf<(request: Request) => Response>().toExtend<Published.FunctionHandler>();
    const answer = (ctx: Published.FunctionContext, found: boolean) =>
      found ? ctx.json({ id: 'x' }) : ctx.json({ error: 'none' }, { status: 404 });
    expectTypeOf(answer).returns.toEqualTypeOf<Published.JsonResponse<{ id: string }>>();
  });

  test('have every key that the settings of a function know', () => {
    const everyKey: Required<Record<keyof Published.FunctionConfig, true>> = {
      name: true,
      schedule: true,
      timezone: true,
      events: true,
      execute: true,
      scopes: true,
      timeout: true,
      memory: true,
      concurrency: true,
      retries: true,
      egress: true,
      logging: true,
      durability: true,
    };
    expect(Object.keys(functionConfigSchema.shape).toSorted()).toEqual(Object.keys(everyKey).toSorted());
  });
});
