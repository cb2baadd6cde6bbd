import { ArrayNotEmpty, ArrayUnique, Matches } from 'class-validator';
import { Variable } from '#libs/platform/configuration';

const URLS = String.raw`https?:\/\/[\w.:[\]-]+\/?`;
const UPSTREAM = new RegExp(`^[a-z][a-z-]*=${URLS}(\\|${URLS})*$`);

const nameIn = (upstream: unknown): string => String(upstream).split('=', 1)[0] ?? '';

export class GatewayConfiguration {
  @Variable('GATEWAY_UPSTREAMS', 'Services and the addresses of their processes: `tenants=http://HOST:PORT|http://HOST:PORT,…`')
  @ArrayNotEmpty({ message: 'must name the services: tenants=http://HOST:PORT|http://HOST:PORT,contracts=…' })
  @Matches(UPSTREAM, { each: true, message: 'must name each service once as NAME=http://HOST:PORT|http://HOST:PORT' })
  @ArrayUnique(nameIn, { message: 'must not name a service twice' })
  upstreams: string[] = [];
}

/** Addresses of each service's processes. */
export const addressesIn = ({ upstreams }: GatewayConfiguration): ReadonlyMap<string, readonly string[]> =>
  new Map(
    upstreams.map((upstream) => {
      const [name = '', addresses = ''] = upstream.split('=');
      return [name, addresses.split('|').map((address) => address.replace(/\/$/, ''))];
    }),
  );
