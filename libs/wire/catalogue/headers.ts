/** A header of a message, as the catalogue describes it. `value`: it is always that. */
type Header = Readonly<{ name: string; text: string; optional?: true; value?: string }>;

export const HEADERS: readonly Header[] = [
  { name: 'content-type', text: 'Of the value.', value: 'application/protobuf' },
  { name: 'ce_specversion', text: 'Of CloudEvents.', value: '1.0' },
  { name: 'ce_id', text: 'UUID of the event; the same whenever it is delivered.' },
  { name: 'ce_source', text: 'The service that published it: `/tributary/<service>`.' },
  { name: 'ce_type', text: 'Name of the Protobuf message in the value, with its package.' },
  { name: 'ce_subject', text: 'The stream, as in the key: `<service>.<aggregate>-<id>`.' },
  { name: 'ce_time', text: 'Business time of the event, RFC 3339 in UTC.' },
  { name: 'ce_revision', text: 'Number of the event in its stream: 0, 1, 2 and so on, without gaps.' },
  { name: 'ce_position', text: "Place of the event in its service's log: ascending, with gaps." },
  { name: 'ce_logid', text: 'The log that it comes from. Revisions and positions of different logs do not compare.' },
  { name: 'ce_commandid', text: 'UUID of the command that caused it; events of one command have the same.' },
  { name: 'ce_principalid', text: 'Who acted: UUID of a user, or the name of a part of the platform.' },
  { name: 'ce_onbehalfof', text: 'UUID of the tenant in whose name that was done.', optional: true },
  { name: 'ce_actorid', text: 'UUID of the person who acted as the principal; none: the principal itself.', optional: true },
  { name: 'ce_actorreason', text: 'Why that person acted as another.', optional: true },
  {
    name: 'ce_via',
    text: 'How the principal came to act: `switch`, `impersonation`, `delegated`, `key`; none: simply as a user.',
    optional: true,
  },
  {
    name: 'ce_home',
    text: 'UUID of the tenant as whose user the person acted (or `platform`), where it is not that of `ce_tenant`.',
    optional: true,
  },
  { name: 'ce_tenant', text: 'UUID of the tenant that it is about; none for the platform itself.', optional: true },
  { name: 'ce_traceparent', text: 'W3C Trace Context of the command.', optional: true },
];
