import java.util.EnumSet;
import javax.servlet.DispatcherType;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.apache.solr.servlet.CoreContainerProvider;
import org.apache.solr.servlet.SolrDispatchFilter;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/**
 * Solr in a plain Jetty, since Maven Central has Solr's libraries but not its distribution.
 *
 * <p>Arguments: the address and the port to listen on. System properties: {@code solr.solr.home}
 * (folder with solr.xml) and {@code solr.log.dir}. Stops in good order on SIGTERM.
 */
public final class SolrServer {
  private SolrServer() {}

  /** Answers whatever Solr's filter has left over, so that it is 404 and no empty 200. */
  public static final class NotFound extends HttpServlet {
    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response)
        throws java.io.IOException {
      response.sendError(HttpServletResponse.SC_NOT_FOUND);
    }
  }

  public static void main(String[] arguments) throws Exception {
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost(arguments[0]);
    connector.setPort(Integer.parseInt(arguments[1]));
    server.addConnector(connector);

    ServletContextHandler solr = new ServletContextHandler(server, "/solr");
    solr.addEventListener(new CoreContainerProvider());
    solr.addFilter(SolrDispatchFilter.class, "/*", EnumSet.of(DispatcherType.REQUEST));
    solr.addServlet(new ServletHolder(new NotFound()), "/*");

    server.setStopAtShutdown(true);
    server.setStopTimeout(10_000);
    server.start();
    server.join();
  }
}
