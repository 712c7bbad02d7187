/** Parameters that all lists share. */
import { z } from '@hono/zod-openapi';
import type { Attributes } from '../../domain/list-attributes.ts';
import { parseListQuery, type ParsedList } from '../../domain/contract/parse-list-query.ts';
import type { ApiContext } from './api-context.ts';
import { looseBoolean } from './params.ts';

const QUERIES_KEY = /^queries(?:\[\d*\])?$/;

export const listParams = {
  // One of them comes as a string. It is read from the URL by hand, since clients number the brackets.
  'queries[]': z
    .union([z.string(), z.array(z.string())])
    .optional()
    .openapi({
      type: 'array',
      items: { type: 'string' },
      description:
        'Queries as JSON texts, e.g. `{"method":"equal","attribute":"status","values":["failed"]}`; also `limit`, `offset`, `cursorAfter`, `cursorBefore`, `orderAsc`, `orderDesc`, `and`, `or`.',
    }),
  total: looseBoolean().optional().openapi({ description: 'Whether to count all that match; default true. Without it `total` is 0.' }),
};

/** @throws {PlatformError} `general_argument_invalid`, `general_query_invalid` */
export function readList(c: ApiContext, attributes: Attributes, total: boolean | undefined): ParsedList {
  const texts = [...new URL(c.req.url).searchParams].filter(([name]) => QUERIES_KEY.test(name)).map(([, value]) => value);
  return parseListQuery(texts, attributes, total ?? true);
}
