import io.spiffe.bundle.jwtbundle.JwtBundleSet;
import io.spiffe.provider.SpiffeSslContextFactory;
import io.spiffe.provider.SpiffeSslContextFactory.SslContextOptions;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import java.io.DataInputStream;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/**
 * A Workload API client and mutual TLS on java-spiffe. SPIFFE_ENDPOINT_SOCKET names the agent.
 *
 * <p>fetch AUDIENCE prints what it got, a line each (tests/interop/workload/clients_test.py reads them);
 * serve PEER_ID prints "listening PORT" and sends four bytes back on each connection; connect PORT PEER_ID
 * sends four and wants them back. Both speak what workload-mtls speaks.
 */
public final class SpiffeJava {
  public static void main(String[] a) throws Exception {
    if (a.length == 2 && a[0].equals("fetch")) {
      fetch(a[1]);
    } else if (a.length == 2 && a[0].equals("serve")) {
      serve(SpiffeId.parse(a[1]));
    } else if (a.length == 3 && a[0].equals("connect")) {
      connect(Integer.parseInt(a[1]), SpiffeId.parse(a[2]));
    } else {
      System.err.println("usage: spiffe-java fetch AUDIENCE | serve PEER_ID | connect PORT PEER_ID");
      System.exit(2);
    }
    System.exit(0);  // the library's threads would keep it
  }

  static void fetch(String audience) throws Exception {
    try (WorkloadApiClient c = DefaultWorkloadApiClient.newClient()) {
      X509Context x = c.fetchX509Context();
      for (X509Svid s : x.getX509Svids()) {
        System.out.println("x509 " + s.getSpiffeId() + " chain=" + s.getChain().size());
      }
      x.getX509BundleSet().getBundles().forEach((td, b) ->
          System.out.println("x509-bundle " + td + " authorities=" + b.getX509Authorities().size()));
      JwtBundleSet bundles = c.fetchJwtBundles();
      bundles.getBundles().forEach((td, b) ->
          System.out.println("jwt-bundle " + td + " keys=" + b.getJwtAuthorities().size()));
      JwtSvid mine = c.fetchJwtSvid(audience);
      System.out.println("jwt " + mine.getSpiffeId());
      System.out.println("jwt-verified-here "
          + JwtSvid.parseAndValidate(mine.getToken(), bundles, Set.of(audience)).getSpiffeId());
      System.out.println("jwt-verified-by-agent "
          + c.validateJwtSvid(mine.getToken(), audience).getSpiffeId());
    }
  }

  static SSLContext context(SpiffeId peer) throws Exception {
    return SpiffeSslContextFactory.getSslContext(SslContextOptions.builder()
        .x509Source(DefaultX509Source.newSource())
        .acceptedSpiffeIdsSupplier(() -> Set.of(peer))
        .build());
  }

  static String idOf(SSLSocket s) throws Exception {
    X509Certificate leaf = (X509Certificate) s.getSession().getPeerCertificates()[0];
    for (List<?> name : leaf.getSubjectAlternativeNames()) {
      if (name.get(0).equals(6)) return name.get(1) + " " + s.getSession().getProtocol();
    }
    return "none";
  }

  static void serve(SpiffeId peer) throws Exception {
    try (SSLServerSocket listener =
        (SSLServerSocket) context(peer).getServerSocketFactory().createServerSocket(0)) {
      listener.setNeedClientAuth(true);
      System.out.println("listening " + listener.getLocalPort());
      while (true) {
        try (SSLSocket s = (SSLSocket) listener.accept()) {
          s.startHandshake();
          System.out.println("peer " + idOf(s));
          s.getOutputStream().write(new DataInputStream(s.getInputStream()).readNBytes(4));
        } catch (SSLException refused) {
          System.out.println("refused " + refused.getMessage());
        }
      }
    }
  }

  static void connect(int port, SpiffeId peer) throws Exception {
    try (SSLSocket s =
        (SSLSocket) context(peer).getSocketFactory().createSocket("127.0.0.1", port)) {
      s.startHandshake();
      System.out.println("peer " + idOf(s));
      s.getOutputStream().write("ping".getBytes());
      System.out.println("got " + new String(new DataInputStream(s.getInputStream()).readNBytes(4)));
    } catch (SSLException refused) {
      System.out.println("refused " + refused.getMessage());
      System.exit(1);
    }
  }
}
