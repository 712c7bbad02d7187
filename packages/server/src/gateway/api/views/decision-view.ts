import type { DecisionResource } from '@martlet/protocol';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { NewDecision } from '../../../ports/store/decision-store.ts';

export function viewDecision({ at, code, text }: Pick<NewDecision, 'at' | 'code' | 'text'>): DecisionResource {
  return { at: formatDate(at), code, text };
}
