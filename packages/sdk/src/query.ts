/** Queries of lists, written as the Appwrite clients write them: each a JSON text with method, attribute and values. */

type Scalar = string | number | bigint | boolean | null;
type List = readonly unknown[];
type Bound = string | number | bigint;

type Compare<Value = Scalar | List> = (attribute: string, value: Value) => string;
type Between = (attribute: string, start: Bound, end: Bound) => string;
type OfAttribute = (attribute: string) => string;
type OfAttributes = (attributes: string | readonly string[]) => string;
type OfQueries = (queries: readonly string[]) => string;
type OfDates = (start: string, end: string) => string;
type Distance = (...args: [attribute: string, values: List, distance: number, meters?: boolean]) => string;

interface QueryBuilder
  extends
    Record<'equal' | 'notEqual' | 'lessThan' | 'lessThanEqual' | 'greaterThan' | 'greaterThanEqual', Compare>,
    Record<'startsWith' | 'notStartsWith' | 'endsWith' | 'notEndsWith' | 'regex' | 'search' | 'notSearch', Compare<string>>,
    Record<'contains' | 'notContains', Compare<string | List>>,
    Record<'containsAny' | 'containsAll', Compare<List>>,
    Record<'between' | 'notBetween', Between>,
    Record<'isNull' | 'isNotNull' | 'orderAsc' | 'orderDesc', OfAttribute>,
    Record<'exists' | 'notExists', OfAttributes>,
    Record<'and' | 'or', OfQueries>,
    Record<'limit' | 'offset', (count: number) => string>,
    Record<'cursorAfter' | 'cursorBefore', (id: string) => string>,
    Record<'createdBefore' | 'createdAfter' | 'updatedBefore' | 'updatedAfter', (date: string) => string>,
    Record<'createdBetween' | 'updatedBetween', OfDates>,
    Record<'distanceEqual' | 'distanceNotEqual' | 'distanceGreaterThan' | 'distanceLessThan', Distance>,
    Record<'vectorDot' | 'vectorCosine' | 'vectorEuclidean', Compare<readonly number[]>>,
    Record<'intersects' | 'notIntersects' | 'crosses' | 'notCrosses', Compare<List>>,
    Record<'overlaps' | 'notOverlaps' | 'touches' | 'notTouches', Compare<List>> {
  select(attributes: readonly string[]): string;
  elemMatch(attribute: string, queries: readonly string[]): string;
  orderRandom(): string;
}

/** How the arguments of a method become `attribute` and `values`; `undefined` is left out of the text. */
type Shape = (...args: unknown[]) => [attribute: unknown, values?: unknown];

const value: Shape = (attribute, one) => [attribute, one];
const range: Shape = (attribute, ...both) => [attribute, both];
const bare: Shape = (attribute) => [attribute];
const values: Shape = (all) => [undefined, all];
/** Of a value that is itself a list: coordinates, a vector. */
const whole: Shape = (attribute, list) => [attribute, [list]];
const distance: Shape = (attribute, ...[list, far, meters = true]) => [attribute, [[list, far, meters]]];
const nested: Shape = (queries) => [undefined, parsed(queries)];
const elements: Shape = (attribute, queries) => [attribute, parsed(queries)];

/** The methods of each shape. */
const SHAPES: [Shape, string][] = [
  [value, 'equal notEqual lessThan lessThanEqual greaterThan greaterThanEqual startsWith notStartsWith endsWith notEndsWith'],
  [value, 'regex search notSearch contains notContains containsAny containsAll'],
  [range, 'between notBetween'],
  [bare, 'isNull isNotNull orderAsc orderDesc orderRandom'],
  [values, 'exists notExists select limit offset cursorAfter cursorBefore'],
  [nested, 'and or'],
  [elements, 'elemMatch'],
  [distance, 'distanceEqual distanceNotEqual distanceGreaterThan distanceLessThan'],
  [whole, 'vectorDot vectorCosine vectorEuclidean intersects notIntersects crosses notCrosses overlaps notOverlaps touches notTouches'],
];

/** Short for a comparison with one of the two dates that everything has. */
const DATES = { Before: 'lessThan', After: 'greaterThan', Between: 'between' };

export const Query: QueryBuilder = build();

function build(): QueryBuilder {
  const methods: Record<string, (...args: unknown[]) => string> = {};
  for (const [shape, names] of SHAPES) for (const name of names.split(' ')) methods[name] = (...args) => write(name, shape(...args));
  for (const date of ['created', 'updated'])
    for (const [when, method] of Object.entries(DATES)) methods[date + when] = (...dates) => write(method, [`$${date}At`, dates]);
  return methods as unknown as QueryBuilder;
}

function write(method: string, [attribute, list]: ReturnType<Shape>): string {
  const all = list === undefined || Array.isArray(list) ? list : [list];
  return JSON.stringify({ method, attribute, values: all }, (_key, one: unknown) => (typeof one === 'bigint' ? numberOf(one) : one));
}

/** JSON has no big integers; those that a number holds exactly are written as one. */
function numberOf(big: bigint): number {
  const number = Number(big);
  if (Number.isSafeInteger(number)) return number;
  throw new TypeError(`Cannot query for ${big}: JSON does not hold it exactly; give it as a string.`);
}

const parsed = (queries: unknown): unknown[] => (queries as string[]).map((query) => JSON.parse(query) as unknown);
