// What the npm client `oscquery` makes of a server: its methods and host information, as JSON.
const { OSCQueryDiscovery } = require("oscquery");

const [host, port] = process.argv.slice(2);
new OSCQueryDiscovery().queryNewService(host, Number(port)).then((service) => {
  console.log(JSON.stringify({ host: service.hostInfo, methods: service.flat() }));
});
