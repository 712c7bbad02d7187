/** Which rows a list shall have, in which order, and which page of them. */

/**
 * A list query that the gateway has parsed: attributes and values are checked against the noun's allow-list
 * (`list-attributes.ts`), so a driver may trust the names, and binds the values.
 */
export interface ListQuery {
  readonly filters: readonly Filter[];
  /**
   * Default: insertion, oldest first. Ties are broken by insertion in the direction of the last term. Executions count
   * as inserted by `createdAt` first: many are written only when they end.
   */
  readonly order: readonly { readonly attribute: string; readonly direction: 'asc' | 'desc' }[];
  readonly limit: number;
  readonly offset: number;
  /** Id of the row after or before which the page starts. @throws `general_cursor_not_found` when it is not there */
  readonly cursor?: { readonly id: string; readonly side: 'after' | 'before' };
  readonly withTotal: boolean;
}
export type Value = string | number | boolean;
export type Filter =
  | { readonly kind: 'equal' | 'notEqual'; readonly attribute: string; readonly values: readonly Value[] }
  | { readonly kind: 'lessThan' | 'lessThanEqual' | 'greaterThan' | 'greaterThanEqual'; readonly attribute: string; readonly value: Value }
  | { readonly kind: 'between'; readonly attribute: string; readonly from: Value; readonly to: Value }
  | { readonly kind: 'startsWith' | 'endsWith' | 'contains'; readonly attribute: string; readonly text: string }
  | { readonly kind: 'isNull' | 'isNotNull'; readonly attribute: string }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly Filter[] };
