import { type BillAnswer } from './bill.ts';
import { type PlatformClient } from '../platform-client.ts';

type VersionInForce = BillAnswer['contracts'][number];

/** What a report says of a contract version: its name, and the rules that exclude usage. */
type Agreement = Readonly<{ name: string; exclusions: readonly string[] }>;

/** The contract versions that bills name. */
export class Agreements {
  readonly #versions: ReadonlyMap<string, Agreement>;
  readonly #names: ReadonlyMap<string, string>;

  private constructor(versions: ReadonlyMap<string, Agreement>, names: ReadonlyMap<string, string>) {
    this.#versions = versions;
    this.#names = names;
  }

  static async of(bills: readonly BillAnswer[], client: PlatformClient): Promise<Agreements> {
    const versions = new Map<string, Agreement>();
    const names = new Map<string, string>();
    for (const inForce of bills.flatMap(({ contracts }) => contracts)) {
      const key = keyOf(inForce);
      if (versions.has(key)) continue;
      const { tenantId, contractId, version } = inForce;
      const { body } = await client.get<{ terms: { name: string; billingRules: readonly { name: string }[] } }>(
        `/tenants/${tenantId}/contracts/${contractId}/versions/${String(version)}`,
      );
      versions.set(key, { name: body.terms.name, exclusions: body.terms.billingRules.map(({ name }) => name) });
      names.set(contractId, body.terms.name);
    }
    return new Agreements(versions, names);
  }

  nameOf(contractId: string): string {
    return this.#names.get(contractId) ?? contractId;
  }

  /** Every rule that may have excluded usage of a bill, from the top of the tree down. */
  exclusionsOn(bill: BillAnswer): readonly Readonly<{ tenantId: string; rule: string }>[] {
    const found = new Map<string, Readonly<{ tenantId: string; rule: string }>>();
    for (const inForce of bill.contracts)
      for (const rule of this.#versions.get(keyOf(inForce))?.exclusions ?? [])
        found.set(JSON.stringify([inForce.tenantId, rule]), { tenantId: inForce.tenantId, rule });
    return [...found.values()];
  }
}

const keyOf = ({ contractId, version }: VersionInForce): string => `${contractId}/${String(version)}`;
