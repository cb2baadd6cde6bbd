import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type ImportId } from '#libs/published/ids';
import { type ImportEvent, type RequestedImport } from '#libs/published/ingestion';
import { type Instant } from '#libs/time/time';

export type ImportStatus = 'requested' | 'finished' | 'failed' | 'cancelled';

/** Undefined until it is requested. */
export type Import = Readonly<{ requested: RequestedImport; status: ImportStatus }> | undefined;

const STATUS = { ImportFinished: 'finished', ImportFailed: 'failed', ImportCancelled: 'cancelled' } as const;

export const importing = decider<Import, ImportEvent, ImportId>('ingestion.import', undefined, (state, event) => {
  if (event.type === 'ImportRequested') return { requested: event.data, status: 'requested' };
  return state && { ...state, status: STATUS[event.type] };
});

export const request =
  (requested: RequestedImport) =>
  (state: Import): ImportEvent[] =>
    state ? [] : [{ type: 'ImportRequested', data: requested }];

const ofImport = ({ importId, tenantId, path }: RequestedImport) => ({ importId, tenantId, rootId: path[0] ?? tenantId });

type Outcome<Type extends ImportEvent['type']> = Omit<
  Extract<ImportEvent, { type: Type }>['data'],
  'importId' | 'tenantId' | 'rootId'
>;

/** An import that ended meanwhile, by being cancelled, stays as it is. */
export const finish =
  (outcome: Outcome<'ImportFinished'>) =>
  (state: Import): ImportEvent[] =>
    state?.status === 'requested' ? [{ type: 'ImportFinished', data: { ...ofImport(state.requested), ...outcome } }] : [];

export const fail =
  (outcome: Outcome<'ImportFailed'>) =>
  (state: Import): ImportEvent[] =>
    state?.status === 'requested' ? [{ type: 'ImportFailed', data: { ...ofImport(state.requested), ...outcome } }] : [];

export const cancel =
  (cancelledAt: Instant) =>
  (state: Import): ImportEvent[] => {
    const { requested, status } = asked(state);
    if (status === 'cancelled') return [];
    if (status !== 'requested')
      throw new DomainError('rejected', 'import-already-ended', `The import is ${status}: there is nothing left to cancel.`);
    return [{ type: 'ImportCancelled', data: { ...ofImport(requested), cancelledAt } }];
  };

/** @throws DomainError `not-found` */
export const asked = (state: Import): NonNullable<Import> => {
  if (!state) throw notThere();
  return state;
};

export const notThere = (): DomainError =>
  new DomainError('not-found', 'import-not-found', 'There is no such import in this tenant.');
