import { IsString, Matches } from 'class-validator';
import { Variable } from '#libs/platform/configuration';

export class OidcConfiguration {
  @Variable('OIDC_ISSUER', 'Identity provider by which people log in, found by OpenID discovery; empty: none')
  @Matches(/^$|^https:\/\/[^\s?#]+$|^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?(\/[^\s?#]*)?$/, {
    message: 'must be an https URL (http for this host only)',
  })
  oidcIssuer = '';

  @Variable('OIDC_CLIENT_ID', 'What the provider knows this platform as')
  @IsString()
  oidcClientId = 'tributary';

  @Variable('OIDC_CLIENT_SECRET', 'And its secret there')
  @IsString()
  oidcClientSecret = '';

  @Variable('OIDC_REDIRECT_URL', 'Where the provider sends people back to; empty: `login/oidc` at PUBLIC_URL')
  @Matches(/^$|^https?:\/\/[^\s?#]+$/, { message: 'must be a URL such as https://tributary.example/login/oidc' })
  oidcRedirectUrl = '';
}
