import { describe, expect, it } from '@jest/globals';
import { eventStoreContract, retiredEvents } from '../event-store.contract.ts';
import { EventStoreDb } from './event-store-db.ts';

const url = process.env['EVENT_STORE_URL'];

if (url === undefined)
  describe('the event store on EventStoreDB', () => {
    it('needs a server: set EVENT_STORE_URL, such as esdb://localhost:2113?tls=false', () => {
      expect(url).toBeDefined();
    });
  });
else
  eventStoreContract('EventStoreDB', async () => {
    const store = await EventStoreDb.open(url, { upcasters: retiredEvents });
    return { store, close: () => store.close(), isEmpty: false };
  });
