import { fromBinary } from '@bufbuild/protobuf';
import { type Consumer } from 'kafkajs';
import { BillRevisedSchema } from '../../libs/wire/generated/tributary/invoicing/v1/events_pb.ts';

/** Says what each bill comes to. `seen`: the last revision of each stream; keep it together with what you make of the events. */
export const followBills = async (consumer: Consumer, seen: Map<string, number>, say: (line: string) => void): Promise<void> => {
  await consumer.subscribe({ topic: 'tributary.invoicing.v1', fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message: { headers, value } }) => {
      const [type, stream = '', revision] = ['ce_type', 'ce_subject', 'ce_revision'].map((name) => String(headers?.[name]));
      if (Number(revision) <= (seen.get(stream) ?? -1)) return;
      if (type === 'tributary.invoicing.v1.BillRevised' && value) {
        const { name, month, proforma, reason } = fromBinary(BillRevisedSchema, value);
        say(`${name}, ${month}: ${proforma ? `${proforma.total} ${proforma.currency}` : (reason?.message ?? '')}`);
      }
      seen.set(stream, Number(revision));
    },
  });
};
